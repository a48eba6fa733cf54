/** Every text that tells a person of a mistake, each with its mending. */
export * from "../base/errors";
export { card } from "./card";
export { secrets, usage } from "./usage";
export { image } from "./image";
export { packages } from "./packages";
export { conflict, shape } from "./profile";
