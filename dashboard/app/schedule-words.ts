import cronstrue from 'cronstrue';

/** An NCRONTAB expression in words: `At 05:00 UTC`. The expression itself if it cannot be put into words. */
export function scheduleWords(expression: string): string {
  try {
    const words = cronstrue.toString(expression, { use24HourTimeFormat: true });
    return /\d:\d/.test(words) ? words.replace(/(\d\d:\d\d)(?!.*\d:\d)/, '$1 UTC') : words;
  } catch {
    return expression;
  }
}
