import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { size } from "../../builder/base/format";
import { EnvironmentError } from "../../builder/errors";
import { download } from "../../builder/machine/download";
import { pinnedImage } from "../../builder/pack/image";
import type { PinnedImage } from "../../builder/targets/boxes";
import { run } from "../support/programs";
import { sha256, temporaryFolder } from "../support/trees";

const content = Buffer.alloc(3_000_000, "an image, packed ");
const FILE = "release.img.xz";

/** A server on this machine. @returns its address. */
async function serve(answer: RequestListener, server: http.Server = http.createServer()): Promise<string> {
  server.on("request", answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${server instanceof https.Server ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}/${FILE}`;
}

/** Where a request wants to begin. */
function from({ headers }: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
}

/**
 * A server's usual answer.
 * @param upTo where the connection breaks.
 */
function send(request: IncomingMessage, response: ServerResponse, bytes = content, upTo = bytes.length): void {
  const start = from(request);
  const range = { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  if (start >= bytes.length) return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  response.writeHead(start > 0 ? 206 : 200, { "content-length": bytes.length - start, ...(start > 0 ? range : {}) });
  if (upTo >= bytes.length) response.end(bytes.subarray(start));
  else response.write(bytes.subarray(start, upTo), () => setTimeout(() => response.destroy(), 50));
}

const pinned = (url: string): PinnedImage => ({ file: FILE, url, sha256: sha256(content) });

async function failure(image: PinnedImage, cache: string): Promise<EnvironmentError> {
  const error: unknown = await pinnedImage(image, cache, () => {}).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EnvironmentError);
  return error as EnvironmentError;
}

describe("a published image", () => {
  it("is downloaded once, and found in the cache without network afterwards", async () => {
    const [cache, lines]: [string, string[]] = [join(temporaryFolder(), "a/cache"), []];
    let asked = 0;
    const url = await serve((request, response) => {
      asked++;
      send(request, response);
    });
    const path = await pinnedImage(pinned(url), cache, (line) => lines.push(line));
    expect(path).toBe(join(cache, FILE));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(lines).toEqual([
      `downloading ${FILE} (3.0 MB)`,
      expect.stringMatching(/^ 100 %  3\.0 MB of 3\.0 MB/),
      expect.stringMatching(`^downloading ${FILE}: done, 3.0 MB in `),
    ]);
    expect(await pinnedImage(pinned(url), cache, () => {})).toBe(path);
    expect(await pinnedImage(pinned("https://nowhere.invalid/"), cache, () => {})).toBe(path);
    expect(asked).toBe(1);
    expect(readdirSync(cache).sort()).toEqual([FILE, `${FILE}.verified`]);
  });

  it("goes on where the connection broke, as often as that brings something", async () => {
    const cache = temporaryFolder();
    const starts: number[] = [];
    const url = await serve((request, response) => {
      starts.push(from(request));
      send(request, response, content, starts.length * 1_000_000);
    });
    const path = await pinnedImage(pinned(url), cache, () => {});
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(starts).toHaveLength(3);
    expect(starts[0]).toBe(0);
    for (const start of starts.slice(1)) expect(start).toBeGreaterThan(0);
  });

  it("goes on in the next build", async () => {
    const cache = temporaryFolder();
    let healthy = false;
    const starts: number[] = [];
    const url = await serve((request, response) => {
      starts.push(from(request));
      if (healthy || starts.length === 1) send(request, response, content, healthy ? content.length : 1_000_000);
      else response.destroy();
    });
    expect((await failure(pinned(url), cache)).hint).toMatch(/Run the command again to resume.*--base FILE.*--no-image/);
    expect(readdirSync(cache)).toEqual([`${FILE}.part`]);
    const have = statSync(join(cache, `${FILE}.part`)).size;
    expect(have).toBeGreaterThan(0);
    healthy = true;
    const lines: string[] = [];
    const path = await pinnedImage(pinned(url), cache, (line) => lines.push(line));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(starts).toEqual([0, have, have]);
    expect(lines[0]).toContain(`resuming after ${size(have)}`);
  });

  it("comes from the start again where the server cannot go on", async () => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, `${FILE}.part`), content.subarray(0, 1000));
    const url = await serve((_, response) => void response.writeHead(200, { "content-length": content.length }).end(content));
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
  });

  it.each<[string, Buffer]>([
    ["is whole already", content],
    ["is longer than it should be", Buffer.concat([content, content])],
  ])("is right where its part %s", async (_, part) => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, `${FILE}.part`), part);
    const url = await serve((request, response) => send(request, response));
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
  });

  it("is followed to another address", async () => {
    const cache = temporaryFolder();
    const real = await serve((request, response) => send(request, response));
    const url = await serve((_, response) => void response.writeHead(302, { location: real }).end());
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
  });

  it("of an unknown length comes, too", async () => {
    const cache = temporaryFolder();
    const url = await serve((_, response) => void response.writeHead(200).end(content));
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
  });

  it("that was changed in the cache is not used", async () => {
    const cache = temporaryFolder();
    const url = await serve((request, response) => send(request, response));
    const path = await pinnedImage(pinned(url), cache, () => {});
    const bad = Buffer.from(content);
    bad[5] = 0;
    writeFileSync(path, bad);
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
    // Touched, but the same: read once more, and kept.
    utimesSync(path, 1, 1);
    expect(await pinnedImage(pinned("https://nowhere.invalid/"), cache, () => {})).toBe(path);
  });
});

describe("refused is", () => {
  it("another file than was published, and its part does not spoil the next attempt", async () => {
    const cache = temporaryFolder();
    let bytes = Buffer.from("something else");
    const url = await serve((request, response) => send(request, response, bytes));
    const error = await failure(pinned(url), cache);
    expect(error.message).toContain(`has the sha256 ${sha256(bytes)} instead of ${sha256(content)}`);
    expect(readdirSync(cache)).toEqual([]);
    bytes = content;
    expect(readFileSync(await pinnedImage(pinned(url), cache, () => {})).equals(content)).toBe(true);
  });

  it("an answer that is an error", async () => {
    const url = await serve((_, response) => void response.writeHead(404).end("<html>"));
    expect((await failure(pinned(url), temporaryFolder())).message).toContain("the server answers 404 Not Found");
  });

  it("a part that begins at another place than was asked for", async () => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, `${FILE}.part`), content.subarray(0, 1000));
    const url = await serve((_, response) => void response.writeHead(206, { "content-range": "bytes 5-10/11" }).end("123456"));
    expect((await failure(pinned(url), cache)).message).toContain("206");
  });

  it.each(["http://downloads.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])("%s: not https", async (url) => {
    expect((await failure(pinned(url), temporaryFolder())).message).toContain("is not an https address");
  });

  it("a way that leads from https to http", async () => {
    const url = await serve((_, response) => void response.writeHead(301, { location: "http://downloads.example/x" }).end());
    expect((await failure(pinned(url), temporaryFolder())).message).toContain("is not an https address");
  });

  it("a way without end", async () => {
    const url = await serve((request, response) => void response.writeHead(302, { location: `${request.url}x` }).end());
    expect((await failure(pinned(url), temporaryFolder())).message).toContain("without end");
  });

  it("a server whose certificate nobody trusts", async () => {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    run("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=127.0.0.1",
      "-keyout",
      key,
      "-out",
      cert,
    ]);
    const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) });
    const url = await serve((request, response) => send(request, response), server);
    expect((await failure(pinned(url), temporaryFolder())).message).toContain("self-signed certificate");
  });

  it.each([
    ["no server there", "https://127.0.0.1:9/x", "refuses the connection"],
    ["an unknown name", "https://nowhere.invalid/x", /its name (is unknown|cannot be asked for)/],
  ])("%s", async (_, url, words) => {
    const cache = temporaryFolder();
    expect((await failure(pinned(url), cache)).message).toMatch(words);
    expect(existsSync(join(cache, FILE))).toBe(false);
  });
});

it("a file that never ends is given up where it should have ended", async () => {
  const url = await serve((_, response) => {
    const more = (): void => void (response.destroyed || response.write(Buffer.alloc(100_000), more));
    more();
  });
  const part = join(temporaryFolder(), "part");
  await expect(download(new URL(url), part, { secure: false, size: 1_000_000 })).rejects.toThrow(
    "the server sends more than the 1000000 bytes that the file has",
  );
  expect(statSync(part).size).toBeLessThanOrEqual(1_000_000);
});
