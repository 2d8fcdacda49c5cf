/** The laws of names and grades, for the boundaries that may not see the machine (the command line). */
export { isName, isToken, NAME_LAW } from '../machine/names.js';
export { GRADES } from '../machine/entry.js';
export { isAtLeast } from '../machine/grade.js';
