import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

export interface ImagerEntry {
  /** Of the profile. */
  name: string;
  /** Of the box's system. */
  title: string;
  /** Where the image will be for Raspberry Pi Imager, absolute. */
  image: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** When the base was made, s since 1970. */
  time: number;
}

/** The boards that have our kernel, by the words with which Raspberry Pi's own list of images calls them. */
const devices = [
  { name: "Raspberry Pi 5", tags: ["pi5-64bit"], description: "Raspberry Pi 5, 500 and Compute Module 5" },
  { name: "Raspberry Pi 4", tags: ["pi4-64bit"], description: "Raspberry Pi 4, 400 and Compute Module 4" },
  { name: "Raspberry Pi 3", tags: ["pi3-64bit"], description: "Raspberry Pi 3, Zero 2 W and Compute Module 3" },
];

/**
 * The list with which Raspberry Pi Imager 2 flashes the image from its file (doc/json-schema/os-list-schema.json of rpi-imager).
 * Imager resolves no relative address, so the list holds the image's full path and must be made anew where the folder moves.
 * "none": Imager must not offer its own settings, whose files would take the place of ours.
 */
export function imagerManifest({ name, title, image, size, sha256, time }: ImagerEntry): string {
  const url = pathToFileURL(image).href;
  const entry = {
    name: `bondbox ${name}`,
    description: `The box of profile ${name}, on ${title}`,
    // What Imager itself carries: nothing is fetched.
    icon: "icons/use_custom.png",
    url,
    bmap_url: `${url}.bmap`,
    extract_size: size,
    extract_sha256: sha256,
    image_download_size: size,
    release_date: new Date(time * 1000).toISOString().slice(0, 10),
    init_format: "none",
    architecture: "armv8",
    devices: devices.flatMap(({ tags }) => tags),
  };
  return `${JSON.stringify({ imager: { devices: devices.map((device) => ({ ...device, matching_type: "exclusive" })) }, os_list: [entry] }, null, 2)}\n`;
}

/** The files that stand beside an image. */
export function besides(image: string, name: string): { bmap: string; sum: string; manifest: string } {
  return { bmap: `${image}.bmap`, sum: `${image}.sha256`, manifest: join(image, "..", `${name}.rpi-imager-manifest`) };
}

/** Names of an image and what stands beside it, as a build makes them. */
export function imageFiles(name: string): string[] {
  const image = `${name}.img`;
  return [image, ...Object.values(besides(image, name)).map((path) => basename(path))];
}

/** A line of sha256sum. */
export function sumLine(sha256: string, image: string): string {
  return `${sha256}  ${basename(image)}\n`;
}
