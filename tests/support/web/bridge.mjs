// A port of this machine that leads to a Unix socket, for a browser, which opens none.
import net from "node:net";

export function bridge(socket) {
  const server = net.createServer((client) => {
    const there = net.connect(socket);
    client.pipe(there).pipe(client);
    for (const end of [client, there]) end.on("error", () => { client.destroy(); there.destroy(); });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() })));
}
