/** Names of targets and ciphers, as in a profile. */
export type ServerTarget = "debian-13" | "debian-12" | "ubuntu-26.04" | "ubuntu-24.04" | "ubuntu-22.04" | "ubuntu-14.04";
export type BoxTarget = "raspios-trixie" | "raspios-bookworm";
export type Cipher = "AES-256-GCM" | "AES-128-GCM" | "CHACHA20-POLY1305" | "AES-256-CBC" | "AES-192-CBC" | "AES-128-CBC";
export type Auth = "SHA1" | "SHA256" | "SHA512";
