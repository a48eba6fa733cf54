import { buffer } from "node:stream/consumers";
import { extract, pack } from "tar-stream";
import type { Artefact, Entry } from "../render/tree";

/** A tar of a file tree: every field set, so that the same tree gives the same bytes on every machine. */
export async function tarOf(entries: Entry[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const entry of entries) {
    const header = {
      name: entry.path.slice(1),
      mode: entry.mode,
      uid: 0,
      gid: 0,
      uname: entry.owner,
      gname: entry.group,
      mtime: new Date(0),
    };
    if (entry.kind === "file") archive.entry({ ...header, type: "file" }, entry.content);
    else if (entry.kind === "link") archive.entry({ ...header, type: "symlink", linkname: entry.target });
    else archive.entry({ ...header, type: "directory" });
  }
  archive.finalize();
  return bytes;
}

/**
 * A tar of files, all of them root's.
 * @param files with paths relative to where it will be unpacked
 */
export function tarOfFiles(files: Artefact[]): Promise<Buffer> {
  const own = { kind: "file", owner: "root", group: "root" } as const;
  return tarOf(files.map(({ path, mode, content }) => ({ ...own, path: `/${path}`, mode, content: Buffer.from(content as string) })));
}

/** The file tree of a tar that tarOf has made. */
export async function entriesOf(tar: Buffer): Promise<Entry[]> {
  const archive = extract();
  archive.end(tar);
  const entries: Entry[] = [];
  for await (const entry of archive) {
    const { name, mode = 0, type, linkname } = entry.header;
    const content = await buffer(entry);
    const own = { path: `/${name.replace(/\/$/, "")}`, mode, owner: "root", group: "root" } as const;
    if (type === "symlink") entries.push({ ...own, kind: "link", target: linkname ?? "" });
    else if (type === "directory") entries.push({ ...own, kind: "directory" });
    else entries.push({ ...own, kind: "file", content });
  }
  return entries;
}
