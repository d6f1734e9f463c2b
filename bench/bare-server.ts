// The reference for the API figures: a bare node:https server that answers one given body to everything, and as many bytes as a path asks for.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [, , certFile = '', keyFile = '', caFile = '', bodyFile = ''] = process.argv;
const body = readFileSync(bodyFile);
let long = Buffer.alloc(0);
/** `/bytes/N`: N bytes, made once. */
function bytesFor(path: string): Buffer {
  const length = Number(/^\/bytes\/(\d+)$/.exec(path)?.[1] ?? 0);
  if (length === 0) return body;
  if (long.length !== length) long = Buffer.alloc(length, 'x');
  return long;
}
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
      const bytes = bytesFor(req.url ?? '');
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
      res.end(bytes);
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
