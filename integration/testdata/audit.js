(() => { // what people who see badly, look at a small screen or get dizzy would complain about, in words
  const complaints = [];
  const root = document.scrollingElement;
  const short = text => JSON.stringify(text.trim().slice(0, 60));

  // Contrast of text, and of what else has a meaning, https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
  const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
  const rgba = color => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const ground = e => e ? over(rgba(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : rgba('Canvas').slice(0, 3);
  const luminance = color => {
    const [r, g, b] = color.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (color, e, text, least = 4.5) => {
    const below = ground(e);
    const [dark, light] = [luminance(over(rgba(color), below)), luminance(below)].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) complaints.push(`contrast of ${ratio.toFixed(2)}: ${short(text)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || e.closest('svg')) continue;
    texts++;
    contrast(getComputedStyle(e).color, e, node.data);
    for (let up = e; up; up = up.parentElement) if (getComputedStyle(up).opacity !== '1') complaints.push(`${short(node.data)} is half transparent`);

    // A name that is written from right to left turns round nothing else, and no name says how what follows it is written.
    const style = getComputedStyle(e);
    if (/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(node.data)) complaints.push(`${short(node.data)} has a character that can't be seen`);
    const apart = style.display === 'inline' ? /isolate|plaintext/.test(style.unicodeBidi) : e.textContent.trim() === node.data.trim();
    if (/[\u0590-\u08ff]/.test(node.data) && !apart)
      complaints.push(`${short(e.parentElement.textContent)} is turned round by ${short(node.data)} in it`);
  }
  if (texts === 0) complaints.push('there is no text');
  for (const input of document.querySelectorAll('input[placeholder]')) contrast(getComputedStyle(input, '::placeholder').color, input, input.placeholder);

  for (const bar of document.querySelectorAll('rect')) contrast(getComputedStyle(bar).fill, bar, bar.textContent, 3);
  for (const e of document.querySelectorAll('input, button')) contrast(getComputedStyle(e).borderTopColor, e.parentElement, `the edge of ${e.tagName}`, 3);

  // Nothing stands out of the screen but in a box that scrolls by the keyboard, too.
  if (root.scrollWidth > root.clientWidth) complaints.push(`the page is ${root.scrollWidth} wide on a screen of ${root.clientWidth}`);
  const scrolls = e => /auto|scroll/.test(getComputedStyle(e).overflowX);
  for (const e of document.body.querySelectorAll('*')) {
    if (scrolls(e) && e.tagName !== 'INPUT' && !(e.tabIndex === 0 && e.getAttribute('role') === 'region' && e.getAttribute('aria-label')))
      complaints.push(`${e.tagName} scrolls, but not by the keyboard`);
    let box = e.parentElement;
    while (box && !scrolls(box)) box = box.parentElement;
    if (!box && !e.closest('svg') && e.getBoundingClientRect().right > root.clientWidth + 1) complaints.push(`${e.tagName} ${short(e.textContent)} stands out of the screen`);
    if (getComputedStyle(e).overflowX === 'hidden' && e.scrollWidth > e.clientWidth) complaints.push(`${e.tagName} ${short(e.textContent)} is cut off`);
    const {animationName, transitionDuration} = getComputedStyle(e);
    if (animationName !== 'none' || transitionDuration !== '0s') complaints.push(`${e.tagName} moves`);
  }

  // Names stay text.
  for (const e of document.querySelectorAll('script, img, iframe, object, embed, meta[http-equiv], [onerror], [onload]')) complaints.push(`there is ${short(e.outerHTML)}`);
  if (window.harmed) complaints.push('a name has run');
  return complaints;
})()
