# A gate over one statement of remint's. The signature must have been verified before:
# `cosign verify-attestation --policy` does that and asks `signature.allow` with the
# statement as input; with OPA, verify the bundle first and pass its payload.
package signature

import rego.v1

default allow := false

# The Simple Verification Result of a reproduction without replayed metadata.
allow if {
	input._type == "https://in-toto.io/Statement/v1"
	input.predicateType == "https://in-toto.io/attestation/svr/v0.2"
	"REMINT_REPRODUCED_BIT_FOR_BIT" in input.predicate.properties
}

# remint's own result, which every verdict has: its verdict must be read.
allow if {
	input._type == "https://in-toto.io/Statement/v1"
	input.predicateType == "urn:remint:rebuild-result:v1"
	input.predicate.verdict == "reproduced"
	count(input.predicate.replayed) == 0
}

# A policy's yes, made by a store that is named here.
allow if {
	input._type == "https://in-toto.io/Statement/v1"
	input.predicateType == "https://slsa.dev/verification_summary/v1"
	input.predicate.verifier.id == "urn:remint:store:log.example"
	input.predicate.verificationResult == "PASSED"
}
