/** `snapcommit prune`: removes whole generations that no rule keeps. */
import type { Pruned } from '../../index.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { countOf, nameOf } from '../input.js';
import type { Options } from '../options.js';
import { table } from '../render/table.js';
import { counted, joined } from '../render/text.js';

const RULES = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
type Rule = (typeof RULES)[number];

export const prune: CommandModule = {
  define(command) {
    command.option('--keep-last <N>', 'keep the newest N');
    for (const rule of RULES.slice(1)) {
      command.option(
        `--keep-${rule} <N>`,
        `keep the newest of each of the last N ${PERIODS[rule]} that have any (UTC)`,
      );
    }
    command.option('--dry-run', 'say what would be removed, and remove nothing');
  },
  async run({ operands: [text = ''], options, openNode }) {
    const group = nameOf('group', text);
    if (RULES.every((rule) => options.text(optionName(rule)) === null)) {
      throw usage('name at least one rule, such as --keep-last 3: without one nothing would be kept or removed.');
    }
    const rules = {
      keepLast: ruleOf(options, 'last'),
      keepHourly: ruleOf(options, 'hourly'),
      keepDaily: ruleOf(options, 'daily'),
      keepWeekly: ruleOf(options, 'weekly'),
      keepMonthly: ruleOf(options, 'monthly'),
      keepYearly: ruleOf(options, 'yearly'),
    };
    const dryRun = options.flag('dryRun');
    const pruned = await (await openNode()).prune({ group, rules, dryRun });
    return { json: { ...pruned, dryRun }, text: () => prunedText(pruned, dryRun) };
  },
};

const PERIODS: Readonly<Record<Rule, string>> = {
  last: 'commits',
  hourly: 'hours',
  daily: 'days',
  weekly: 'weeks',
  monthly: 'months',
  yearly: 'years',
};

/** 0 where the rule was not given; 0 is refused from a person, who would mean "none". */
function ruleOf(options: Options, rule: Rule): number {
  const text = options.text(optionName(rule));
  return text === null ? 0 : countOf(`--keep-${rule}`, text, 1);
}

/** `keepLast`, as commander calls `--keep-last`. */
function optionName(rule: Rule): string {
  return `keep${rule.slice(0, 1).toUpperCase()}${rule.slice(1)}`;
}

function prunedText({ group, removed, kept }: Pruned, dryRun: boolean): string {
  const rows = [
    ...removed.map((generation) => ({ generation, fate: dryRun ? 'would be removed' : 'removed', reasons: '' })),
    ...kept.map(({ generation, reasons }) => ({ generation, fate: 'kept', reasons: joined(reasons) })),
  ].sort((a, b) => a.generation - b.generation);
  const words = dryRun ? 'would be removed' : 'removed';
  const summary = `${counted(removed.length, 'generation')} ${words}, ${String(kept.length)} kept.\n`;
  if (rows.length === 0) return summary;
  const cells = rows.map(({ generation, fate, reasons }) => [`${group}@${String(generation)}`, fate, reasons]);
  return `${table(['generation', 'outcome', 'kept as'], cells)}${summary}`;
}
