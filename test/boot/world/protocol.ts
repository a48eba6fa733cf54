import type { NetworkJob } from "../../lab/job";

/** What the machine around the box gets at its start. */
export interface WorldJob {
  network: NetworkJob;
}

/** A request of the host's to run a program. One line of JSON each way. */
export interface Question {
  id: number;
  /** "server": in that machine; another name: in that network namespace; null: in neither. */
  where: string | null;
  command: string[];
  /** How long it may take at most. */
  seconds: number;
}

export interface Answer {
  id: number;
  code: number;
  /** Both of its outputs. */
  text: string;
}
