import type { Rate } from "../rates";
import type { Report } from "../report";

type Labels = Record<string, string>;

interface Metric {
  name: string;
  help: string;
  values: [labels: Labels, value: number | null][];
}

const directions = ["down", "up"] as const;

/**
 * The report in Prometheus's text format. What is unknown is left out.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metricsText(report: Report): string {
  const perLine = (value: (line: Report["lines"][number]) => number | null): Metric["values"] =>
    report.lines.map((line) => [{ line: line.name }, value(line)]);
  const rates = (labels: Labels, rate: Rate): Metric["values"] =>
    directions.map((direction) => [{ ...labels, direction }, bytes(rate[direction])]);
  const all: Metric[] = [
    { name: "bondbox_info", help: "The box's version and profile.", values: [[{ version: report.version, profile: report.profile }, 1]] },
    {
      name: "bondbox_state",
      help: "1 for the state that the box is in.",
      values: (["fine", "degraded", "down"] as const).map((state) => [{ state }, report.state === state ? 1 : 0]),
    },
    { name: "bondbox_lines_up", help: "Lines that the bond uses.", values: [[{}, report.linesUp]] },
    { name: "bondbox_line_up", help: "Whether the bond uses the line.", values: perLine(({ up }) => (up ? 1 : 0)) },
    {
      name: "bondbox_line_failures",
      help: "How often the bond has stopped using the line since it joined.",
      values: perLine(({ failures }) => failures),
    },
    {
      name: "bondbox_line_rate_bytes_per_second",
      help: "What the line carries now.",
      values: report.lines.flatMap(({ name, rate }) => rates({ line: name }, rate)),
    },
    {
      name: "bondbox_line_planned_bytes_per_second",
      help: "The line's rate as in the profile.",
      values: report.lines.flatMap(({ name, planned }) => rates({ line: name }, planned)),
    },
    {
      name: "bondbox_line_round_trip_seconds",
      help: "The round trip through the line's tunnel now.",
      values: perLine(({ measured }) => (measured === null ? null : measured.rtt / 1000)),
    },
    {
      name: "bondbox_line_loss_ratio",
      help: "Part of the packets down that was lost of late.",
      values: perLine(({ measured }) => measured?.loss ?? null),
    },
    { name: "bondbox_bond_rate_bytes_per_second", help: "What the bond carries now.", values: rates({}, report.bond.rate) },
    {
      name: "bondbox_line_month_bytes",
      help: "What the line has carried this month.",
      values: perLine(({ month }) => month?.used ?? null),
    },
    { name: "bondbox_lane_connections", help: "Connections in the TCP lane.", values: [[{}, report.lane?.connections ?? null]] },
  ];
  return all.map(metricText).join("");
}

function metricText({ name, help, values }: Metric): string {
  const rows = values.flatMap(([labels, value]) => (value === null ? [] : [`${name}${labelText(labels)} ${value}\n`]));
  return rows.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${rows.join("")}`;
}

function labelText(labels: Labels): string {
  const all = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`))}"`,
  );
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

/** Per second. @param kilobits kbit/s */
function bytes(kilobits: number | null): number | null {
  return kilobits === null ? null : kilobits * 125;
}
