// The same as served.py by Node.js and socket.io: rooms, a snapshot of the same size, one more address that emits.
import { createServer } from "node:http";
import { Server } from "socket.io";

const FILLER = "x".repeat(190);

function emit(io, session, count, every) {
  const begun = performance.now();
  let number = 0;
  const next = () => {
    const at = Math.round((performance.timeOrigin + performance.now()) * 1000);
    io.to(`progress-${session}`).emit("progress-update", {
      n: number, at, sessionId: session, progress: 50.0, status: "processing", message: FILLER,
    });
    number += 1;
    if (number < count) setTimeout(next, Math.max(0, begun + number * every - performance.now()));
  };
  next();
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/benchmark/emit") {
    const query = Object.fromEntries(url.searchParams);
    emit(io, query.session, Number(query.count), Number(query.every));
  }
  response.end("{}");
});
const io = new Server(server, { perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.on("join-progress", (session, acknowledge) => {
    socket.join(`progress-${session}`);
    if (typeof acknowledge === "function") acknowledge({ ok: true });
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
