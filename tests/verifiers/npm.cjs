// Verifies bundles with npm's verifier. Reads cases from the file that is named, and
// prints a line for each: `ok`, or `refused` and why.
const fs = require('node:fs');
const path = require('node:path');
const modules = path.resolve(process.argv[2], 'node_modules');
const load = (name) => require(path.join(modules, name));
const { Verifier, toSignedEntity, toTrustMaterial } = load('@sigstore/verify');
const { bundleFromJSON } = load('@sigstore/bundle');
const { TrustedRoot } = load('@sigstore/protobuf-specs');

const cases = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'));
for (const { bundle, root, key, keyId } of cases) {
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)), {
      [keyId]: { rawBytes: Buffer.from(key, 'base64') },
    });
    // A signature by a known key needs no time stamp, but a place in the log.
    const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle))));
    console.log('ok');
  } catch (error) {
    console.log(`refused ${error.code ?? error.name}: ${error.message}`.replaceAll('\n', ' '));
  }
}
