/** How SEARCH cuts text into words: at anything that is no letter, digit or mark. */
export const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];

/**
 * The test of SEARCH: every word of the query occurs in the texts as a whole word, in any letter case and any order;
 * words between backticks must stand together in one text.
 */
export function hasTokens(query: string): (texts: readonly string[]) => boolean {
  const pieces = query.split('`');
  const phrases = pieces.flatMap((piece, index) => {
    const words = wordsOf(piece);
    // Odd pieces were between backticks.
    return index % 2 === 1 ? (words.length > 0 ? [words] : []) : words.map((word) => [word]);
  });
  return (texts) => {
    const cut = texts.map(wordsOf);
    return phrases.every((phrase) => cut.some((words) => standsIn(phrase, words)));
  };
}

function standsIn(phrase: readonly string[], words: readonly string[]): boolean {
  for (let start = 0; start + phrase.length <= words.length; start++) {
    if (phrase.every((word, index) => words[start + index] === word)) return true;
  }
  return false;
}
