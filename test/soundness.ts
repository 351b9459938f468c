import type { Page } from 'playwright-core';

/** Runs in the page, so it is a text: what would keep somebody from reading or using it, in words. */
const faults = String.raw`(() => {
  const found = [];
  const say = (bad, words) => void (bad && found.push(words));
  const shown = (it) => it.checkVisibility({ visibilityProperty: true });
  say(document.documentElement.lang === '', 'the page says no language');
  say(document.title.trim() === '', 'the page has no title');
  say(document.querySelectorAll('h1').length !== 1, 'it has not one heading of the first level');
  say(document.documentElement.scrollWidth > innerWidth, 'it is ' + document.documentElement.scrollWidth + ' px wide');
  for (const field of document.querySelectorAll('input:not([type=hidden])')) {
    if (!shown(field)) continue;
    say((field.labels?.length ?? 0) === 0, 'the field ' + field.name + ' has no label');
    say(field.autocomplete === '', 'the field ' + field.name + ' does not say what it is for');
    for (const id of (field.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean))
      say(document.getElementById(id) === null, 'the field ' + field.name + ' refers to nothing by ' + id);
  }
  for (const it of document.querySelectorAll('button, a, summary')) {
    if (!shown(it)) continue;
    const name = it.getAttribute('aria-label') ?? it.textContent.trim();
    say(name === '', 'a button or a link has no name');
    const range = document.createRange();
    range.selectNodeContents(it);
    const lines = new Set([...range.getClientRects()].map((at) => Math.round(at.top)));
    say(lines.size > it.textContent.trim().split(/\s+/).length, name + ' is broken within a word');
    say(it.tagName !== 'A' && it.getBoundingClientRect().height < 40, name + ' is too low for a finger');
  }
  // WCAG 2.2, 1.4.3: text against what lies behind it, at least 4.5 to 1; 3 to 1 when it is large.
  const colour = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = (parts) => {
    const [r, g, b] = parts.map((it) => (it / 255 <= 0.04045 ? it / 255 / 12.92 : ((it / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (it) => {
    for (let at = it; at !== null; at = at.parentElement) {
      const [r, g, b, a = 1] = colour(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const parent = node.parentElement;
    const words = node.textContent.trim();
    if (words === '' || /^(STYLE|SCRIPT|NOSCRIPT)$/.test(parent.tagName) || !shown(parent)) continue;
    const style = getComputedStyle(parent);
    const [one, two] = [light(colour(style.color).slice(0, 3)), light(behind(parent))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    say(ratio < least, '"' + words.slice(0, 40) + '" stands out by ' + ratio.toFixed(2) + ' only');
  }
  return found;
})()`;

/** What is wrong with a page for somebody with a keyboard, a screen reader, a narrow screen or weak eyes. Empty: nothing. */
export const faultsOf = (page: Page): Promise<readonly string[]> => page.evaluate(faults);
