// Compresses a file at a level as packing does, without a header: deflate.cjs FROM TO LEVEL.
const fs = require("fs");
const zlib = require("zlib");

const [from, to, level] = process.argv.slice(2);
fs.writeFileSync(to, zlib.deflateRawSync(fs.readFileSync(from), { level: Number(level) }));
