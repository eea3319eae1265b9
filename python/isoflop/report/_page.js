// Glue: draws the charts that the page holds as data, and lets the slider pick one of the steps computed before.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  // Named one by one: the library's own choice has a button that shares data with a server.
  const buttons = [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]];
  const look = { responsive: true, displaylogo: false, modeBarButtons: buttons };
  const charts = [...document.querySelectorAll(".chart")];
  const drawn = charts.map((place) => {
    const { data, layout } = read(`${place.id}-data`);
    return Plotly.newPlot(place, data, layout, look);
  });

  const slider = document.getElementById("budget");
  if (slider) {
    const { readings, moving } = read("steps");
    const show = (step) => {
      for (const place of document.querySelectorAll("[data-reading]"))
        place.textContent = readings[step][place.dataset.reading];
      slider.setAttribute("aria-valuetext", `${readings[step].C} FLOP`);
      for (const [id, { traces, steps, cursor }] of Object.entries(moving)) {
        if (traces.length) Plotly.restyle(id, steps[step], traces);
        if (cursor) Plotly.relayout(id, { "shapes[0].x0": cursor[step], "shapes[0].x1": cursor[step] });
      }
    };
    let waiting = 0;
    slider.addEventListener("input", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => show(Number(slider.value)));
    });
    Promise.all(drawn).then(() => show(Number(slider.value)));  // a reloaded page may keep the place of its slider
  }

  const refit = () => charts.forEach((place) => Plotly.Plots.resize(place));
  window.addEventListener("beforeprint", refit);
  window.addEventListener("afterprint", refit);
  Promise.all(drawn).then(() => { document.documentElement.dataset.ready = "yes"; });
})();
