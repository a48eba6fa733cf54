import Ajv from "ajv/dist/2020";
import schema from "../../profiles/profile.schema.json";
import { readerOf } from "../yaml/read";
import { checkTogether } from "./checks";
import type { Profile } from "./types";

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, strictNumbers: true });

/** Reads a profile's text. @param file its name as errors show it. @throws DocumentError with every problem of the file at once. */
export const loadProfile: (text: string, file: string) => Profile = readerOf<Profile>({
  ajv,
  schema,
  checkTogether,
  example: "profiles/home.yaml",
});
