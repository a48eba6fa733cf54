import { describe, expect, it } from "vitest";
import type { Finding } from "../../../overlay/runtime/judge";
import { explain, languageOf, summary, texts } from "../../../overlay/runtime/messages";

/** One of each, and one for each sentence that differs: a new finding needs one here, or it is a type error. */
const findings: { [Code in Finding["code"]]: Omit<Extract<Finding, { code: Code }>, "code">[] } = {
  "bond-missing": [{ bond: "bond0" }],
  "lan-missing": [
    { interface: "eth0", ports: [] },
    { interface: "eth0", ports: ["end0", "eth1"] },
  ],
  "lan-unplugged": [{ interface: "eth0" }],
  "server-silent": [
    { server: "203.0.113.10", keySet: "1a2b-3c4d-5e6f", line: null },
    { server: "203.0.113.10", keySet: "1a2b-3c4d-5e6f", line: "ovh" },
  ],
  "server-closed": [{ server: "203.0.113.10", keySet: "1a2b-3c4d-5e6f" }],
  "route-elsewhere": [{ bond: "bond0" }],
  "route-missing": [{}],
  "route-dead": [{ bond: "bond0" }],
  "tap-missing": [{ tap: "tap0" }],
  "tap-outside": [{ tap: "tap0", bond: "bond0" }],
  "tap-off": [{ tap: "tap0" }],
  "tunnel-stopped": [{ line: "ovh", tap: "tap0" }],
  "modem-silent": [{ modem: "192.168.1.240" }],
  "no-answer": [{ line: "ovh", mark: 101, server: "203.0.113.10" }],
  "line-dead": [{ modem: "192.168.1.240", mark: 101 }],
  "line-captive": [{ modem: "192.168.1.240" }],
  "tunnel-unheard": [{ line: "ovh", port: 1194, server: "203.0.113.10" }],
  standby: [{}],
  "taken-out": [
    { line: "ovh", by: "box" },
    { line: "ovh", by: "person" },
  ],
  "kept-in": [{ line: "ovh" }],
  "status-missing": [{ line: "ovh" }],
  "status-stale": [{ line: "ovh", age: 31 }],
  "dealt-in-turn": [{}],
  "server-unmeasured": [{ keySet: "1a2b-3c4d-5e6f" }],
  "lane-silent": [
    { end: "box", keySet: "1a2b-3c4d-5e6f" },
    { end: "server", keySet: "1a2b-3c4d-5e6f" },
  ],
  "line-ails": [
    { direction: "down", what: { ails: "loses", much: 0.021 }, lane: false },
    { direction: "up", what: { ails: "jumps", much: 35 }, lane: true },
    { direction: "up", what: { ails: "spare" }, lane: true },
    { direction: "down", what: { ails: "reserve" }, lane: true },
  ],
  "line-slow": [{ direction: "up", is: 400, planned: 896 }],
  "month-used": [
    { used: 4.12e9, monthly: 5e9 },
    { used: 50e9, monthly: 50e9 },
  ],
  gone: [{ parts: [{ part: "firewall", times: 1 }, { part: "routes", times: 17 }] }], // prettier-ignore
  "mtu-differs": [{ interface: "tap0", is: 1500, planned: 1401 }],
};

const all = Object.entries(findings).flatMap(([code, ones]) => ones.map((one): [string, Finding] => [code, { ...one, code } as Finding]));

/** Words that English texts are made of, and French ones never. */
const english = /\b(the|is|are|it|its|not|does|of|with|and|has)\b/i;

/** What a person types: it is the same in every language. */
const commands = /\b(?:sudo [a-z]|journalctl|systemctl|ip (?:route|link)|ping )[^(,:;]*/g;

/** Numbers, addresses and names of keys, with the decimal sign of English. */
const figures = (text: string): string[] =>
  (text.replace(/(\d),(\d)/g, "$1.$2").match(/\b[\da-f]+(?:[.-][\da-f]+)+\b|\b\d+\b/g) ?? []).sort();

describe("the texts of findings", () => {
  it.each(all)("%s: French is another text with the same figures and commands", (_, finding) => {
    const [en, fr] = [explain(finding), explain(finding, "fr")];
    for (const part of ["short", "text"] as const) {
      expect(en[part]).not.toBe("");
      expect(fr[part]).not.toBe(en[part]);
      expect(fr[part]).not.toMatch(english);
      expect(figures(fr[part])).toEqual(figures(en[part]));
    }
    expect(fr.fix.length).toBe(en.fix.length);
    for (const [index, step] of en.fix.entries()) {
      const typed = step.match(commands)?.map((command) => command.trim());
      expect(fr.fix[index]?.match(commands)?.map((command) => command.trim())).toEqual(typed);
      if (typed?.[0] !== step) expect(fr.fix[index]).not.toBe(step);
      expect(figures(fr.fix[index] ?? "")).toEqual(figures(step));
    }
  });

  it.each<[Finding, string]>([
    [{ code: "line-slow", direction: "down", is: 3429, planned: 7232 }, "Le débit descendant est de 3 429 kbit/s, contre 7 232 dans le profil : la ligne est utilisée à ce débit."],
    [{ code: "month-used", used: 4.12e9, monthly: 5e9 }, "Forfait du mois : 4,1 Go sur 5 utilisés, d'après le compteur du tunnel."],
    [{ code: "line-ails", direction: "up", what: { ails: "loses", much: 0.021 }, lane: true }, "Sens montant : 2,1 % de paquets perdus, la ligne sert donc seule ou pas du tout, sauf pour sa part de la voie TCP."],
  ])("%j has French numbers", (finding, text) => {
    expect(explain(finding, "fr").text.replace(/\s/g, " ")).toBe(text);
  }); // prettier-ignore

  it("say in one sentence how the box is", () => {
    const of = (linesUp: number, lines: number, way: Parameters<typeof summary>[0]["way"]): string[] =>
      (["en", "fr"] as const).map((language) => summary({ linesUp, lines: { length: lines }, way }, language));
    expect(of(2, 2, { by: "bond" })).toEqual([
      "2 of 2 lines up - the LAN uses the bond",
      "2 lignes actives sur 2 – le réseau local passe par l'agrégat",
    ]);
    expect(of(1, 1, { by: "other", interface: "eth0", gateway: "192.168.1.1" })).toEqual([
      "1 of 1 line up - the LAN leaves by eth0 to 192.168.1.1, without the bond",
      "1 ligne active sur 1 – le réseau local sort par eth0 vers 192.168.1.1, sans l'agrégat",
    ]);
    expect(of(0, 2, { by: "line", line: "ovh", internet: null })).toEqual([
      "0 of 2 lines up - the LAN uses line ovh directly, without the bond",
      "0 ligne active sur 2 – le réseau local sort directement par la ligne ovh, sans l'agrégat",
    ]);
    for (const way of [{ by: "bond" }, { by: "none" }, { by: "line", line: "ovh", internet: false }] as const)
      expect(of(0, 2, way)).toEqual([
        "0 of 2 lines up - the LAN has no internet",
        "0 ligne active sur 2 – le réseau local n'a pas Internet",
      ]);
    expect(Object.values(texts.fr.states)).toEqual(["Tout va bien", "Ça marche, mais tout n'est pas en ordre", "Pas d'Internet"]);
  });
});

describe("a language", () => {
  it.each([
    ["fr", "fr"],
    ["fr-CA", "fr"],
    ["FR", "fr"],
    ["en-GB", "en"],
    ["de", null],
    ["frr", null],
    ["constructor", null],
    ["", null],
  ])("of the tag %j is %j", (tag, language) => expect(languageOf(tag)).toBe(language));
});
