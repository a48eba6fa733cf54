import type { NetworkJob } from "../../lab/job";

/** What the machine around the box is told at its start. */
export interface WorldJob {
  network: NetworkJob;
}

/** The host asks for a program to be run. One line of JSON each way. */
export interface Question {
  id: number;
  /** "server": in that machine; another name: in that network namespace; null: beside them. */
  where: string | null;
  command: string[];
  /** Longest time. */
  seconds: number;
}

export interface Answer {
  id: number;
  code: number;
  /** What it said on both outputs. */
  text: string;
}
