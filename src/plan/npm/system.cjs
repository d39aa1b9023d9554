// Packs as on another system: zlib writes the number of the system that it runs on into
// gzip's header (RFC 1952, section 2.3.1, OS), and the publisher's was another. Nothing but
// that byte is changed. Node.js reads this file before npm (--require).
"use strict";
const { Gzip } = require("zlib");

const HEADER = [0x1f, 0x8b, 8, 0];
const OS_AT = 9;
const system = Number(process.env.PACKING_SYSTEM);
const begun = new WeakSet();

// The header is the first that comes out of a stream, and comes whole.
function tell(stream, bytes, start) {
  const isHeader = HEADER.every((byte, at) => bytes[start + at] === byte);
  if (isHeader && !begun.has(stream)) {
    begun.add(stream);
    bytes[start + OS_AT] = system;
  }
}

// What is compressed while a caller waits: npm's tar writer calls zlib itself, below
// Node.js's own streams.
const { Zlib } = process.binding("zlib");
const { writeSync } = Zlib.prototype;
Zlib.prototype.writeSync = function (flush, input, from, length, output, start, room) {
  const result = writeSync.call(this, flush, input, from, length, output, start, room);
  tell(this, output, start);
  return result;
};

// What is compressed meanwhile goes to the stream's reader.
const { push } = Gzip.prototype;
Gzip.prototype.push = function (chunk, ...rest) {
  if (chunk) tell(this, chunk, 0);
  return push.call(this, chunk, ...rest);
};
