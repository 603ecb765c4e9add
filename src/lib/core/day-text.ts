const days = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
/** A day without a time has no zone: it is the same day everywhere. */
const wholeDays = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

/**
 * The day of a time in the zone of whoever reads it: `24 Nov 2026`. Pages and reports all take days from here, so the end of a
 * relationship is the same day on each of them.
 */
export function dayText(iso: string): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return iso;
  return (/^\d{4}-\d{2}-\d{2}$/.test(iso) ? wholeDays : days).format(ms);
}

/** The zone that days are in: `Europe/Vienna`. */
export const zoneText = (): string => days.resolvedOptions().timeZone;
