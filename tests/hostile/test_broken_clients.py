"""
Broken clients, and honest ones beside them: nothing is left of the ones, and nothing lost of the others

The short form of broken_clients.py, which says what is done, and does much more of it when it is run by hand.
"""

import broken_clients
import conversation

SLOWER = 8 if conversation.WRAPPER else 2 if conversation.SLOW else 1

# Memory is compared where nothing but the server has any; a tool looks for what was never given back itself.
SHORT = ["--workers", "24", "--lives", "8", "--honest", "20", "--slower", str(SLOWER),
         *(["--rounds", "1", "--many", "500"] if SLOWER > 1 else ["--rounds", "2", "--many", "2000"])]


def test_nothing_is_left_of_broken_clients_and_honest_ones_lose_nothing(tmp_path):
    broken_clients.run(tmp_path, broken_clients.options_of(SHORT))
