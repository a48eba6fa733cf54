import type { Partition } from "./table";

/** A file system inside an image file, as it is named to programs. */
export interface Volume {
  /** Folder in which the programs run. */
  cwd: string;
  /** The image's name in it: a plain word, since the programs read "?" and "@@" as the end of a name. */
  name: string;
  partition: Partition;
}
