import { look } from "../look";
import { observeStorage } from "../storage";
import { examine, type Row } from "./examine";
import { probe } from "./probes";

/**
 * All checks of a box, in order.
 * @param root where /etc, /proc, /sys, /run and /var are looked for
 * Throws a UserError if box.json is not there or wrong.
 */
export async function examineBox(root: string): Promise<Row[]> {
  const { config, state, verdict } = look(root);
  return examine({ config, state, verdict, storage: observeStorage(root), probes: await probe(root, config, state) });
}
