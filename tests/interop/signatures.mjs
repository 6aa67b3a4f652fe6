// Request signatures against npm's http-message-signatures: what either makes, the other verifies;
// what was altered on the way, neither does.
import assert from "node:assert";
import { spawnSync } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [tool, folder] = process.argv.slice(2);
const library = createRequire(path.join(folder, "x.js"))("http-message-signatures");
const { httpbis, createSigner, createVerifier } = library;
const authority = "00112233445566778899aabbccddeeff00112233.peerpost.alt";
const digest = `sha-256=:${crypto.createHash("sha256").digest("base64")}:`;
const created = Math.floor(Date.now() / 1000);

const kinds = [
  ["ecdsa-p256-sha256", () => crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["ed25519", () => crypto.generateKeyPairSync("ed25519")],
  ["rsa-pss-sha512", () => crypto.generateKeyPairSync("rsa", { modulusLength: 3072 })],
];
const requests = [
  { method: "DELETE", path: "/abc@peerpost.invalid", pragma: null },
  { method: "GET", path: "/bob%2Btag@campus.example", pragma: "read-inbox" },
];

function run(verb, key, request, more, input) {
  return spawnSync(tool, [verb, key, request.method, authority, request.path, digest,
    request.pragma ?? "-", ...more], { input, encoding: "utf8" });
}

function message(request, headers = {}) {
  const fields = { "content-digest": digest, ...headers };
  if (request.pragma) fields.pragma = request.pragma;
  return { method: request.method, url: `https://${authority}${request.path}`, headers: fields };
}

const covered = (r) =>
  ["@method", "@authority", "@path", "content-digest", ...(r.pragma ? ["pragma"] : [])];

async function theyVerify(alg, key, request, input, signature) {
  return httpbis.verifyMessage({
    keyLookup: async () => ({ algs: [alg], verify: createVerifier(key, alg) }),
    requiredFields: covered(request),
    requiredParams: ["created", "expires", "nonce", "keyid", "alg", "tag"],
    tolerance: 5,
  }, message(request, { "signature-input": input, signature })).catch(() => false);
}

// Its own RSA signer takes the longest salt that fits; RFC 9421 section 3.3.1 says 64 octets.
function signer(alg, key, id) {
  if (alg !== "rsa-pss-sha512") return createSigner(key, alg, id);
  const options = { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
  return { id, alg, sign: async (data) => crypto.sign("sha512", data, options) };
}

let checks = 0;
for (const [alg, make] of kinds) {
  const { publicKey, privateKey } = make();
  const secret = path.join(folder, `${alg}.key`), open = path.join(folder, `${alg}.pub`);
  fs.writeFileSync(secret, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  fs.writeFileSync(open, publicKey.export({ type: "spki", format: "pem" }));
  for (const request of requests) {
    const other = { ...request, path: request.path + "x" };
    // ours, verified by them
    const ours = run("sign", secret, request, [String(created)]);
    assert.equal(ours.status, 0, `${alg}: we cannot sign: ${ours.stderr}`);
    const [input, signature] = ours.stdout.trim().split("\n");
    assert.equal(await theyVerify(alg, publicKey, request, input, signature), true, `${alg}: ours`);
    assert.notEqual(await theyVerify(alg, publicKey, other, input, signature), true, `${alg}: path`);
    // theirs, verified by us
    const signed = await httpbis.signMessage({
      key: signer(alg, privateKey, crypto.randomBytes(32).toString("base64url")),
      name: "theirs",
      fields: covered(request),
      params: ["created", "expires", "nonce", "keyid", "alg", "tag"],
      paramValues: {
        created: new Date(created * 1000), expires: new Date((created + 300) * 1000),
        nonce: crypto.randomBytes(16).toString("base64url"), tag: "peerpost",
      },
    }, message(request));
    const find = (name) =>
      Object.entries(signed.headers).find(([n]) => n.toLowerCase() === name)[1];
    const both = `${find("signature-input")}\n${find("signature")}\n`;
    const theirs = run("verify", open, request, [], both);
    assert.equal(theirs.status, 0, `${alg}: theirs: ${theirs.stderr}\n${both}`);
    assert.notEqual(run("verify", open, other, [], both).status, 0, `${alg}: their path`);
    checks += 4;
  }
}
console.log(`${checks} signatures made by one and judged by the other`);
