// The colours that catalogues name most, for a dot beside the name. Others have none.
const swatches: Record<string, string> = {
  amber: '#e8a33d', beige: '#e6d8bd', black: '#17171c', blue: '#2f62c9', 'blue-gray': '#7c8fa6', brass: '#c9a24b', bronze: '#a5713a',
  brown: '#7a4a2b', charcoal: '#3b3d45', copper: '#b9683c', cream: '#f5ead2', emerald: '#1d8a5b', gold: '#d8aa3a', gray: '#8b8f97',
  green: '#3f9a4c', grey: '#8b8f97', indigo: '#3d36a0', ivory: '#f6f0de', jade: '#3fa37c', lavender: '#a99bd8', lilac: '#b79fd0',
  magenta: '#bf2f86', maroon: '#7b2236', midnight: '#20224d', mint: '#a9dcc3', navy: '#22305e', ochre: '#c48a2c', olive: '#77803a',
  orange: '#ec7a2b', peach: '#f6b692', pink: '#ee8fb1', pomegranate: '#b3203f', purple: '#7c43a6', red: '#d2342f', rose: '#e59aa6',
  rust: '#ad4d26', saffron: '#eda11f', sand: '#d9c49c', silver: '#b9bec6', tan: '#c7a377', teal: '#1f8487', terracotta: '#c05f3f',
  turquoise: '#36b3b0', vermilion: '#e04a2b', violet: '#7a54c7', white: '#fdfdfb', yellow: '#f2cf3b',
};

export const swatchOf = (attribute: string, value: string) =>
  /^colou?r$/i.test(attribute) ? swatches[value.toLowerCase()] : undefined;
