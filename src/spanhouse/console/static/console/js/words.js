/** Words of a part of the page, which the server wrote in the person's language. */
export function wordsOf(part) {
  return JSON.parse(document.getElementById(`words-${part}`).textContent);
}
