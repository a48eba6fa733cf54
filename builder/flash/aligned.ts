declare const WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };

/**
 * Buffers that direct I/O can use: they begin at a page of memory. Node's own begin anywhere; WebAssembly's memory does not, and is the
 * only one in Node that is so without a native module.
 *
 * @param size of each, bytes.
 */
export function alignedBuffers(count: number, size: number): Buffer[] {
  const WASM_PAGE = 65536;
  const each = Math.ceil(size / WASM_PAGE) * WASM_PAGE;
  const { buffer } = new WebAssembly.Memory({ initial: (count * each) / WASM_PAGE });
  return Array.from({ length: count }, (_, i) => Buffer.from(buffer, i * each, size));
}
