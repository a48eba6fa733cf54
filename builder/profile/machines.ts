/** Whether an entry of bypass.hosts is a MAC address; otherwise it is an IPv4 address. */
export function isMac(text: string): boolean {
  return /^(..[:-]){5}..$/.test(text);
}
