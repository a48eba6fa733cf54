/** One quoting function per target language. A value that a language cannot carry safely is a bug of ours: profiles are checked before. */

export type Value = string | number;

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const SAFE_WORD = /^[A-Za-z0-9_.,:/@+=-]+$/;

function refuse(language: string): never {
  // The value is not shown: it might be a secret.
  throw new Error(`a value cannot be written safely in ${language}`);
}

function text(value: Value, language: string): string {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : refuse(language);
  return CONTROL.test(value) ? refuse(language) : value;
}

/** For files that are split at blanks and know no quotes: iptables-restore, units, haproxy, ifupdown, tables. */
function word(language: string): (value: Value) => string {
  return (value) => {
    const plain = text(value, language);
    return SAFE_WORD.test(plain) ? plain : refuse(language);
  };
}

/** A POSIX shell word. */
export function shell(value: Value): string {
  const plain = text(value, "shell");
  return SAFE_WORD.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}

/** A parameter in an OpenVPN file. Source: openvpn(8), "config". */
export function openvpn(value: Value): string {
  const plain = text(value, "openvpn");
  return SAFE_WORD.test(plain) ? plain : `"${plain.replace(/["\\]/g, "\\$&")}"`;
}

/** Text between tags or in an attribute of XML. */
export function xml(value: Value): string {
  return text(value, "xml").replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Text in Markdown: what could start markup becomes an entity. */
export function markdown(value: Value): string {
  return text(value, "markdown").replace(/[<>&|`*[\]\\]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** By the language that a template's name ends in. */
export const languages: Record<string, { quote: (value: Value) => string; comment: (line: string) => string }> = {
  shell: { quote: shell, comment: hash },
  openvpn: { quote: openvpn, comment: hash },
  iptables: { quote: word("iptables"), comment: hash },
  systemd: { quote: word("systemd"), comment: hash },
  haproxy: { quote: word("haproxy"), comment: hash },
  interfaces: { quote: word("interfaces"), comment: hash },
  ini: { quote: word("ini"), comment: hash },
  table: { quote: word("table"), comment: hash },
  markdown: { quote: markdown, comment: (line) => `<!-- ${markdown(line)} -->` },
};

function hash(line: string): string {
  return `# ${line}`;
}
