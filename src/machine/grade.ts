/** The order of grades. PURE. */
import { GRADES, type Grade } from './entry.js';

export function isAtLeast(grade: Grade, required: Grade): boolean {
  return GRADES.indexOf(grade) >= GRADES.indexOf(required);
}
