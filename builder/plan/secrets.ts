import type { Profile } from "../profile/types";

/** What of a profile must not be seen: it is on the card, in files that are root's alone, and in no plan, manifest or message. */
export interface Secrets {
  /** Of the status page, in the clear or as a hash. */
  password?: string;
  notify?: { url?: string; command?: string };
}

/** Takes the secrets out of a profile. What it returns second may be shown and hashed: it says only which secrets there are. */
export function splitSecrets(profile: Profile): [secrets: Secrets, rest: object] {
  const { page, notify } = profile;
  const secrets: Secrets = {
    ...(page.password !== undefined && { password: page.password }),
    ...(notify !== undefined && { notify: { ...(notify.url && { url: notify.url }), ...(notify.command && { command: notify.command }) } }),
  };
  const hidden = { ...notify, ...(notify?.url && { url: true }), ...(notify?.command && { command: true }) };
  return [secrets, { ...profile, page: { ...page, ...(page.password && { password: true }) }, ...(notify && { notify: hidden }) }];
}
