// Puts a diagnosis into words, in the language of the locale.
import type { Facts, RuleId } from './rule.ts';
import { EN } from './words-en.ts';
import { KO } from './words-ko.ts';

export interface Answer {
  readonly wrong: string;
  /** The last lines that the container wrote. */
  readonly log: readonly string[];
  readonly type: readonly string[];
}

export type Language = 'en' | 'ko';

/** What exit codes say. Source: https://tldp.org/LDP/abs/html/exitcodes.html and signal(7) */
const MEANINGS: Readonly<Record<string, readonly [en: string, ko: string]>> = {
  126: ['a program that may not be executed', '실행할 수 없는 프로그램'],
  127: ['a command that was not found', '명령을 찾을 수 없음'],
  134: ['aborted, SIGABRT', '비정상 중단, SIGABRT'],
  137: ['killed, SIGKILL', '강제 종료, SIGKILL'],
  139: ['a segmentation fault, SIGSEGV', '세그멘테이션 오류, SIGSEGV'],
  143: ['told to end, SIGTERM', '종료 신호, SIGTERM'],
};

/** The language of the locale: Korean for ko, English for all others. */
export function languageOf(env: NodeJS.ProcessEnv): Language {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value !== undefined && value !== '') ?? '';
  return locale.toLowerCase().startsWith('ko') ? 'ko' : 'en';
}

const fill = (text: string, facts: Facts): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => (Object.hasOwn(facts, key) ? (facts[key] ?? '') : whole));

function meaningOf(code: string | undefined, language: Language): string {
  const words = Object.hasOwn(MEANINGS, code ?? '') ? MEANINGS[code ?? ''] : undefined;
  if (words === undefined) return '';
  return language === 'ko' ? `(${words[1]})` : ` (${words[0]})`;
}

/** Commands about the pod are for its namespace; those about nodes and all namespaces stay as they are. */
const OF_THE_CLUSTER = /^kubectl (taint|label node|uncordon|get nodes|describe nodes|get pods -A)/;

function inNamespace(line: string, namespace: string): string {
  if (namespace === '' || namespace === 'default' || OF_THE_CLUSTER.test(line)) return line;
  return line.replace(/\bkubectl (?!-n)/, `kubectl -n ${namespace} `);
}

export function answer(id: RuleId, facts: Facts, language: Language): Answer {
  const words = (language === 'ko' ? KO : EN)[id];
  const all = { ...facts, meaning: meaningOf(facts.code, language) };
  return {
    wrong: fill(words.wrong, all).replace(/[:：]\s*$/, '.'),
    log: (facts.log ?? '').split('\n').filter((line) => line.trim() !== ''),
    type: words.type.map((line) => inNamespace(fill(line, all), facts.namespace ?? '')),
  };
}
