"use strict";

/** npm's codes for a registry that does not answer. Sources: errno(3), getaddrinfo(3), npm's lib/utils/error-message.js. */
const unreachable =
  /^(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ERR_SOCKET_TIMEOUT|EIDLETIMEOUT|ENOTCACHED|FETCH_ERROR)$/;

/**
 * Why npm failed, in one sentence, and what to do: its own report has 20 lines with a stack.
 * @param {string} output what npm printed.
 * @param {string} root absolute path of the repository.
 * @returns {[message: string, hint: string]}
 */
function npmFault(output, root) {
  const lines = output.split("\n").flatMap((line) => /^npm (?:error|ERR!) (.*)$/.exec(line)?.[1] ?? []);
  const code = lines.flatMap((line) => /^code (\S+)$/.exec(line)?.[1] ?? [])[0] ?? "";
  const failed = "the npm packages could not be installed";
  if (unreachable.test(code))
    return [
      `${failed}: the npm registry cannot be reached (${code})`,
      "The first run needs the internet. Check the connection, or npm's proxy (npm config get proxy), and run the command again.",
    ];
  if (code === "ENOSPC") return [`${failed}: the disk is full`, "Free some space and run the command again."];
  if (/^(EACCES|EPERM|EROFS)$/.test(code))
    return [`${failed}: ${root} cannot be written to (${code})`, "Run the command as the owner of that folder."];
  const first = lines.find((line) => !/^(code|errno|syscall|path) /.test(line)) ?? "npm gave no reason";
  // What npm prints may hold anything that the registry has sent.
  const plain = first.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
  return [`${failed}: ${plain}`, `To see everything that npm reports, run "npm ci" in ${root}.`];
}

module.exports = { npmFault };
