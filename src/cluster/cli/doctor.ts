// `minke doctor`: what this host lacks, and the command that mends it.
import { examineHost } from '../../host/doctor.ts';
import { type CommandSpec, flag } from './command.ts';

export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'what this host lacks, and the command that mends it; exit code 1 when pods cannot run',
  options: [{ flags: '--json', description: 'as JSON' }],
  async run(_args, options, io) {
    const findings = await examineHost();
    const broken = findings.some((f) => f.required && !f.ok);
    if (flag(options, 'json')) {
      io.out(`${JSON.stringify(findings)}\n`);
      return broken ? 1 : 0;
    }
    const paint = (text: string, code: number) => (io.colourOut ? `\x1b[${code}m${text}\x1b[0m` : text);
    for (const finding of findings) {
      const mark = finding.ok ? paint('✓', 32) : finding.required ? paint('✗', 31) : paint('!', 33);
      io.out(`${mark} ${finding.subject}: ${finding.detail}\n`);
      if (!finding.ok && finding.remedy !== undefined) io.out(`    ${finding.remedy}\n`);
    }
    return broken ? 1 : 0;
  },
};
