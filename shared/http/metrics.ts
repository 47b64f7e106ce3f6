import type { Metric } from "../node/api.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Prometheus' text exposition format 0.0.4: HELP, TYPE, sample; one sample a metric, no labels. */
export function expositionText(metrics: readonly Metric[]): string {
  return metrics.map(exposition).join("");
}

function exposition({ name, help, type, value }: Metric): string {
  const full = `raft_lite_${name}`;
  const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${full} ${escaped}\n# TYPE ${full} ${type}\n${full} ${sample(value)}\n`;
}

function sample(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
