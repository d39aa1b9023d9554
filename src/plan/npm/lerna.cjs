// Packs the working folder as lerna does from 5 on, with the libraries that npm has. Arguments:
// npm's folder, and the file to write.
"use strict";
const path = require("path");

const [npm, file] = process.argv.slice(2);
const library = (name) => require(path.join(npm, "node_modules", name));
const packlist = library("npm-packlist");
const tar = library("tar");

packlist({ path: process.cwd() })
  .then((files) =>
    tar.create(
      {
        file,
        cwd: process.cwd(),
        prefix: "package/",
        portable: true,
        mtime: new Date("1985-10-26T08:15:00.000Z"),
        gzip: true,
      },
      files.map((name) => `./${name}`)
    )
  )
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
