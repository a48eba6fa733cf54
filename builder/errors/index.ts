/** Every error text that a person may see, by subject, each with its fix. docs/errors.md lists them by code. */
export * from "../base/errors";
export { card } from "./card";
export { flash, refusals } from "./flash";
export { image } from "./image";
export { packages } from "./packages";
export { document } from "./document";
export { profile } from "./profile";
export { push } from "./push";
export { trial } from "./trial";
export { files, keys, lock, usage } from "./usage";
