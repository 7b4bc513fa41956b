// Interchange with npm's age-encryption: node interop.mjs POSTERN
// Every size around the ends of chunks, both ways, armored too, several
// recipients, passphrases. Exit status 77 when its packages are not installed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes, webcrypto } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";

globalThis.crypto ??= webcrypto; // node 18
if (!existsSync(fileURLToPath(new URL("node_modules/age-encryption", import.meta.url)))) {
    console.log("age-encryption is not installed");
    process.exit(77);
}
const age = await import("age-encryption");

const sizes = [0, 1, 15, 16, 17, 65535, 65536, 65537, 65552, 131071, 131072, 131073, 1048576, 1048577];
const postern = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "postern-npm-"));
const keyFile = join(folder, "key");
const phraseFile = join(folder, "phrase");
const phrase = "six words that nobody else knows";
let done = 0;

function passed(name) {
    console.log(`ok ${++done} ${name}`);
}

function run(args, input, env = {}) {
    const result = spawnSync(postern, args, {
        input, maxBuffer: 1 << 26, env: { ...process.env, ...env },
    });
    assert.equal(result.status, 0, `${args}: ${result.stderr}`);
    return new Uint8Array(result.stdout);
}

function same(found, wanted) {
    assert.equal(Buffer.compare(Buffer.from(found), Buffer.from(wanted)), 0);
}

async function eachSize(identity, recipient) {
    for (const size of sizes) {
        const plain = new Uint8Array(randomBytes(size));
        const encrypter = new age.Encrypter();
        encrypter.addRecipient(recipient);
        const theirs = await encrypter.encrypt(plain);
        same(run(["open", "-i", keyFile], theirs), plain);
        same(run(["open", "-i", keyFile], age.armor.encode(theirs)), plain);

        const decrypter = new age.Decrypter();
        decrypter.addIdentity(identity);
        same(await decrypter.decrypt(run(["seal", "-r", recipient], plain)), plain);
        const armored = run(["seal", "-a", "-r", recipient], plain);
        same(await decrypter.decrypt(age.armor.decode(Buffer.from(armored).toString())), plain);
        passed(`${size} bytes, binary and armored, both ways`);
    }
}

async function severalRecipients() {
    const identities = await Promise.all([0, 1, 2].map(() => age.generateIdentity()));
    const recipients = await Promise.all(identities.map((one) => age.identityToRecipient(one)));
    const plain = new TextEncoder().encode("for three");
    const ours = run(["seal", ...recipients.flatMap((to) => ["-r", to])], plain);
    for (const identity of identities) {
        const decrypter = new age.Decrypter();
        decrypter.addIdentity(identity);
        same(await decrypter.decrypt(ours), plain);
    }
    const stranger = new age.Decrypter();
    stranger.addIdentity(await age.generateIdentity());
    await assert.rejects(stranger.decrypt(ours));
    passed("three recipients, and a stranger who opens nothing");
}

async function passphrases() {
    const plain = new Uint8Array(randomBytes(1000));
    const env = { POSTERN_PASSPHRASE_FILE: phraseFile };
    const encrypter = new age.Encrypter();
    encrypter.setPassphrase(phrase);
    encrypter.setScryptWorkFactor(12);
    same(run(["open"], await encrypter.encrypt(plain), env), plain);
    const decrypter = new age.Decrypter();
    decrypter.addPassphrase(phrase);
    same(await decrypter.decrypt(run(["seal", "-p"], plain, env)), plain);
    passed("passphrase, both ways");
}

try {
    const identity = await age.generateIdentity();
    writeFileSync(keyFile, `# a key for this test alone\n${identity}\n`, { mode: 0o600 });
    writeFileSync(phraseFile, `${phrase}\n`, { mode: 0o600 });
    await eachSize(identity, await age.identityToRecipient(identity));
    await severalRecipients();
    await passphrases();
    console.log(`${done} passed`);
} finally {
    rmSync(folder, { recursive: true });
}
