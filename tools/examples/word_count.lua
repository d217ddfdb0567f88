-- Counts the words of a text: word_count(text) gives {word = times, ...}.
function word_count(text)
  local counts = {}
  for word in text:lower():gmatch("%a[%a']*") do
    counts[word] = (counts[word] or 0) + 1
  end
  return counts
end
