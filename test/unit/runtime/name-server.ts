import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/**
 * A name server on this machine. Source: RFC 1035, 4.1
 * @param answers the address of every name, and the name of every address
 */
export async function nameServer({ address, name = "" }: { address: string; name?: string }): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port }) => {
    const end = query.indexOf(0, 12) + 5;
    // The question ends with its type, 1 for an address and 12 for a name, and its class; an option may follow it.
    const type = query.readUInt16BE(end - 4);
    const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
    const answer = type === 1 ? Buffer.from(address.split(".").map(Number)) : Buffer.concat([...labels, Buffer.alloc(1)]);
    const head = [query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    const record = [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, answer.length, ...answer];
    socket.send(Buffer.from([...head, ...query.subarray(12, end), ...record]), port, "127.0.0.1");
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** As Node's resolver takes it. */
export function serverName(socket: Socket): string {
  return `127.0.0.1:${socket.address().port}`;
}
