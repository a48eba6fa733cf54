import Ajv from "ajv/dist/2020";
import schema from "../../profiles/profile.schema.json";
import { parseNetwork } from "../base/ipv4";
import { profile as texts } from "../errors";
import { type Format, readerOf } from "../yaml/read";
import { checkTogether } from "./checks";
import { rangeOf } from "./rates";
import { plainSshKey } from "./ssh-keys";
import { usualTunnelNetwork } from "./tunnel-network";
import type { Line, Profile, Written } from "./types";

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, strictNumbers: true });

const formats: Record<string, Format> = {
  ipv4: { text: texts.ipv4, ofAnyType: true },
  cidr: { text: texts.cidr, ofAnyType: true },
  network: { text: texts.network, ofAnyType: true },
  network4or6: { text: texts.network4or6, ofAnyType: true },
  lanHost: { text: texts.lanHost, ofAnyType: true },
  prefix: { text: texts.prefix },
  hostname: { text: texts.hostname },
  name: { text: texts.name },
  interface: { text: texts.interface },
  rate: { text: texts.rate, ofAnyType: true },
  device: { text: texts.device },
  devices: { text: texts.devices },
  portRange: { text: texts.portRange },
  user: { text: texts.user },
  sshKey: { text: texts.sshKey },
};

/**
 * Reads a profile's text.
 * @throws DocumentError with all problems of the file.
 */
export function loadProfile(text: string, file: string): Profile {
  const { lines, ssh, tunnel, ...rest } = read(text, file);
  const home = [rest.lan.subnet, ...rest.lan.routes.map(({ network }) => network)].map(parseNetwork);
  return {
    ...rest,
    lines: lines.map(withRates),
    tunnel: { ...tunnel, network: tunnel.network ?? usualTunnelNetwork(home) },
    ssh: { ...ssh, keys: ssh.keys.map(plainSshKey) },
  };
}

function withRates({ down, up, ...line }: Written["lines"][number]): Line {
  const [most, mostUp] = [rangeOf(down), rangeOf(up)];
  const least = { ...(most.min !== undefined && { down: most.min }), ...(mostUp.min !== undefined && { up: mostUp.min }) };
  return { ...line, down: most.max, up: mostUp.max, ...(Object.keys(least).length > 0 && { least }) };
}

const read = readerOf<Written>({ ajv, schema, formats, checkTogether, example: "profiles/home.yaml" });
