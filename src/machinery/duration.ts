// Lengths of time as kubectl prints ages (`2d12h`). Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/duration

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Two units, the second one only when it is not zero. */
function two(big: [number, string], small: [number, string]): string {
  return small[0] === 0 ? `${big[0]}${big[1]}` : `${big[0]}${big[1]}${small[0]}${small[1]}`;
}

/** About three digits of precision: `95s`, `4m5s`, `179m`, `7h59m`, `47h`, `2d12h`, `400d`, `3y25d`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (Number.isNaN(ms) || seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 10) return two([minutes, 'm'], [seconds % MINUTE, 's']);
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(seconds / HOUR);
  if (hours < 8) return two([hours, 'h'], [minutes % 60, 'm']);
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(seconds / DAY);
  if (hours < 8 * 24) return two([days, 'd'], [hours % 24, 'h']);
  if (days < 2 * 365) return `${days}d`;
  const years = Math.floor(seconds / YEAR);
  if (days < 8 * 365) return two([years, 'y'], [days % 365, 'd']);
  return `${years}y`;
}

/** One unit only: `95s` is `1m`. */
export function shortHumanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (Number.isNaN(ms) || seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < MINUTE) return `${seconds}s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < YEAR) return `${Math.floor(seconds / DAY)}d`;
  return `${Math.floor(seconds / YEAR)}y`;
}
