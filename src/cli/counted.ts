/** A number with its noun: `1 tenant`, `2 tenants`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
