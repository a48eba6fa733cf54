import type { Partition } from "./table";

/** A file system inside an image file, as it is named to programs. */
export interface Volume {
  /** Folder in which the programs run. */
  cwd: string;
  /** The image's name in it: a plain word, since the programs read "?" and "@@" as the end of a name. */
  name: string;
  partition: Partition;
}

/**
 * A file system of a base that cannot be read or changed as that of an image as published can. Programs that read and write file
 * systems name the first thing that they stumble over; whether it is damaged, and where, only its checker knows.
 */
export class VolumeError extends Error {
  constructor(
    readonly partition: "boot" | "root",
    message: string,
  ) {
    super(message);
  }
}
