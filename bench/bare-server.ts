// The reference for the API figures: a bare node:https server that answers one given body to everything.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [, , certFile = '', keyFile = '', caFile = '', bodyFile = ''] = process.argv;
const body = readFileSync(bodyFile);
const server = createServer(
  {
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ca: readFileSync(caFile),
    requestCert: true,
    rejectUnauthorized: true,
  },
  (req, res) => {
    req.resume();
    req.on('end', () => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
      res.end(body);
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
