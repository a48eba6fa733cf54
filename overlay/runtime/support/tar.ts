/** A tar archive of texts in one folder. Source: POSIX.1-2017, pax, "ustar Interchange Format" */
export interface TarFile {
  /** Below the folder; with it at most 100 characters. */
  name: string;
  text: string;
}

const blockSize = 512;

/**
 * @param folder that all files are in
 * @param files in their order
 * @param time of all files, ms since 1970
 */
export function tarOf(folder: string, files: TarFile[], time: number): Buffer {
  const blocks = files.flatMap(({ name, text }) => {
    const content = Buffer.from(text);
    return [header(`${folder}/${name}`, content.length, time), content, Buffer.alloc(-content.length & (blockSize - 1))];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockSize)]);
}

function header(path: string, size: number, time: number): Buffer {
  const block = Buffer.alloc(blockSize);
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for a tar archive`);
  const octal = (value: number, digits: number): string => `${Math.floor(value).toString(8).padStart(digits, "0")}\0`;
  const fields: [place: number, value: string][] = [
    [0, path],
    [100, octal(0o600, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(time / 1000, 11)],
    // The sum counts itself as blanks.
    [148, " ".repeat(8)],
    [156, "0"],
    [257, "ustar\0"],
    [263, "00"],
  ];
  for (const [place, value] of fields) block.write(value, place);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )} `,
    148,
  );
  return block;
}
