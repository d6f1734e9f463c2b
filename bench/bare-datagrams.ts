// The reference for the figures of DNS: a server that sends every datagram back and does nothing else.
import { createSocket } from 'node:dgram';

const socket = createSocket('udp4');
socket.on('message', (message, from) => {
  // To whom it was a question it is to be a reply.
  message[2] = 0x84;
  socket.send(message, from.port, from.address);
});
socket.bind(0, '127.0.0.1', () => process.stdout.write(`${socket.address().port}\n`));
